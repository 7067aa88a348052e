/** The languages of the dashboard (web/text); the first is for everybody else. */
const LANGUAGES = ["en", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language that a browser likes best of ours (RFC 9110, section 12.5.4). @param accept its Accept-Language */
export function languageFor(accept: string): Language {
  let [best, most]: [Language, number] = [LANGUAGES[0], 0];
  for (const one of accept.toLowerCase().split(",")) {
    const [range = "", ...parameters] = one.split(";").map((part) => part.trim());
    const language = LANGUAGES.find((name) => range === name || range.startsWith(`${name}-`));
    const weight = parameters.find((part) => part.startsWith("q="));
    const q = weight === undefined ? 1 : Number(weight.slice(2)) || 0;
    if (language && q > most) [best, most] = [language, q];
  }
  return best;
}
