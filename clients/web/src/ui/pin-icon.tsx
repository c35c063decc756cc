/** A pin, which the set of icons lacks. */
import type { SVGProps } from "react";

export function PinIcon(props: SVGProps<SVGSVGElement>) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.5} aria-hidden="true" {...props}>
      <path
        strokeLinecap="round"
        strokeLinejoin="round"
        d="M9 4h6l-.6 6.2 3.1 3.3v1.5h-11v-1.5l3.1-3.3L9 4ZM12 15v5.5"
      />
    </svg>
  );
}
