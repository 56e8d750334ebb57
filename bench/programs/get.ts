/** `get.ts URL [TIMES]`: fetches it once a second, so many times or until it is ended, and prints each status. */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setTimeout } from "node:timers/promises";

const [url = "", times = "Infinity"] = process.argv.slice(2);
for (let left = Number(times); left > 0; left -= 1) {
  const [response] = (await once(get(url, { agent: false }), "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  process.stdout.write(`${response.statusCode}\n`);
  if (left > 1) await setTimeout(1_000);
}
