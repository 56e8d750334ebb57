/** `app.ts IP PORT`: answers every request, and keeps its connections. */
import { createServer } from "node:http";

const [, , ip = "", port = ""] = process.argv;
const server = createServer((_request, response) => void response.end("here\n"));
server.listen(Number(port), ip, 4_096, () => process.stdout.write("ready\n"));
