/** A number if it is one; else the API says what it should be. */
export const numberIn = (typed: string): number =>
  (/^-?\d{1,9}(\.\d+)?$/.test(typed.trim()) ? Number(typed) : typed) as number;
