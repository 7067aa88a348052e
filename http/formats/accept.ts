/** The weight that a client gives to a media type or an encoding which it names, 0 to 1 (RFC 9110, section 12.4.2); 0 if it doesn't. */
export function weightOf(name: string, accept: string): number {
  for (const one of accept.toLowerCase().split(",")) {
    const [type, ...parameters] = one.split(";").map((part) => part.trim());
    if (type !== name) continue;
    const weight = parameters.find((part) => part.startsWith("q="));
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
  }
  return 0;
}
