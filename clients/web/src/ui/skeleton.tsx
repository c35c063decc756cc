import css from "./skeleton.module.css";

const ROWS = ["a", "b", "c", "d", "e", "f"];

/** Rows that are about to be there. */
export function Skeleton({ label }: { label: string }) {
  return (
    <div className={css.rows} role="status" aria-label={label}>
      {ROWS.map((row) => (
        <div key={row} className={css.row}>
          <span className={css.circle} />
          <span className={css.lines} />
        </div>
      ))}
    </div>
  );
}
