import type { ComponentChildren } from "preact";

interface Props {
  children: ComponentChildren;
  kind?: "main" | "plain" | "danger";
  type?: "button" | "submit";
  /** shows that it waits, and does nothing meanwhile; keeps the focus, which `disabled` would lose */
  busy?: boolean;
  onClick?: (event: MouseEvent) => void;
  /** if the words alone don't say which one it is */
  label?: string;
  /** gets the focus when its dialog opens */
  autofocus?: boolean;
}

export function Button({
  children,
  kind = "plain",
  type = "button",
  busy = false,
  onClick,
  label,
  autofocus,
}: Props) {
  const click = (event: MouseEvent) => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button
      type={type}
      class={`button is-${kind}`}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      aria-label={label}
      autofocus={autofocus}
      onClick={click}
    >
      {busy && <span class="spinner" aria-hidden="true" />}
      {children}
    </button>
  );
}
