/** The two forms of time in certificates (RFC 5280 4.1.2.5): UTCTime before 2050, GeneralizedTime from then on. */
import { DerError, type DerReader, derTag } from "./der-reader.ts";

/** Wall time in milliseconds; only `…Z` with seconds is legal in a certificate. */
export function readDerTime(reader: DerReader): number {
  const tag = reader.peek() ?? 0;
  if (tag !== derTag.utcTime && tag !== derTag.generalizedTime) throw new DerError("not a time");
  const text = reader.content(tag).toString("latin1");
  const full = tag === derTag.utcTime ? `${text < "50" ? "20" : "19"}${text}` : text;
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(full);
  if (match === null) throw new DerError("time in another form");
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) throw new DerError("no such time");
  return time;
}
