import { signal } from "@preact/signals";

/** Changes when the colours do: a canvas has to be drawn again then. */
export const scheme = signal(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  scheme.value++;
});

/** What a design token is at the moment, in a form that a canvas knows. */
export function colourOf(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
