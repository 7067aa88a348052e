// What both modes' `status` report in the same way: since when, and a log's last line.

/** Ends of a service within this many seconds of the previous one are one failure, which began with the first. */
const SAME_FAILURE_SECONDS = 15;

const TROUBLE = /error|fail|refused|denied|machine-manager:|emerg|abort|waiting/i;

/** "2026-11-27 14:05:09", in local time. */
export function clock(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

/** When the last series of ends began, and when it ended. @param times seconds since 1970, the oldest first */
export function lastFailure(times: number[]): { first: number; last: number } | undefined {
  let found: { first: number; last: number } | undefined;
  for (const time of times)
    found =
      found && time - found.last <= SAME_FAILURE_SECONDS
        ? { first: found.first, last: time }
        : { first: time, last: time };
  return found;
}

/** The last line of a log that reports trouble, else its last line. */
export function lastWords(lines: string[]): string {
  const said = lines.filter((line) => line.trim() !== "" && !line.endsWith("Aborting"));
  return (said.findLast((line) => TROUBLE.test(line)) ?? said.at(-1) ?? "").slice(0, 300);
}
