import { useObservable } from "@chatapp/client/react";
import { ArrowPathIcon } from "@heroicons/react/24/outline";
import { Button } from "../ui/button";
import css from "./connection-banner.module.css";
import { newVersion } from "./worker";

/** Offers a new version of the app, until it is answered. */
export function UpdateBanner() {
  const take = useObservable(newVersion);
  if (!take) return null;
  return (
    <div className={css.banner} data-tone="new" role="status">
      <ArrowPathIcon width={20} aria-hidden="true" />
      <p className={css.text}>A new version of the app is there.</p>
      <Button className={css.now} onClick={take}>
        Use it
      </Button>
      <Button className={css.now} onClick={() => newVersion.set(null)}>
        Later
      </Button>
    </div>
  );
}
