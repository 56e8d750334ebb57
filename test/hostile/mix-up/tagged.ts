/** What a tagged request asks for, and what a true answer to it is: both sides work it out from the tag alone. */

export type Habit =
  | "length"
  | "chunked"
  | "until-close"
  | "early"
  | "late"
  | "reset"
  | "reset-half"
  | "cut-length"
  | "cut-chunked";

export interface Tagged {
  readonly tag: string;
  readonly habit: Habit;
  /** Of the answer's body. */
  readonly size: number;
}

/** Weighted by repetition: four in five are ordinary, the rest are faults of the application. */
const habits: readonly Habit[] = [
  ...Array<Habit>(40).fill("length"),
  ...Array<Habit>(40).fill("chunked"),
  ...Array<Habit>(4).fill("early"),
  ...Array<Habit>(4).fill("late"),
  ...Array<Habit>(4).fill("until-close"),
  "reset",
  "reset-half",
  "reset-half",
  "cut-length",
  "cut-length",
  "cut-chunked",
  "cut-chunked",
];

/** A body now and then is larger than every window on the way. */
const sizes: readonly number[] = [0, 1, 20, 100, 100, 500, 500, 1_000, 5_000, 20_000];
const hugeSize = 300_000;

export function drawTagged(tag: string, random: (below: number) => number): Tagged {
  const habit = habits[random(habits.length)] ?? "length";
  const size = random(500) === 0 ? hugeSize : (sizes[random(sizes.length)] ?? 0);
  return { tag, habit, size };
}

export function pathOf({ tag, habit, size }: Tagged): string {
  return `/${habit}/${size}/${tag}`;
}

export function parsePath(path: string): Tagged {
  const [, habit = "", size = "", tag = ""] = path.split("/");
  return { tag, habit: habit as Habit, size: Number(size) };
}

/** So many bytes that say everywhere whose they are. */
export function bodyOf(tag: string, size: number): string {
  return `${tag}|`.repeat(Math.ceil(size / (tag.length + 1))).slice(0, size);
}

/** The first part of a tag is the service account that sends it. */
export function accountOf(tag: string): string {
  return tag.slice(0, tag.indexOf("."));
}
