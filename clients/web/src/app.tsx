import { useAccount, useObservable } from "@chatapp/client/react";
import { lazy, Suspense } from "react";
import { useLocation } from "wouter";
import { Registration, SignIn } from "./auth/sign-in";
import { routes } from "./lib/routes";
import { useTimeZone } from "./lib/time";
import { Messenger } from "./shell/messenger";
import { Announcer } from "./ui/announcer";
import { notices } from "./ui/notices";
import { question } from "./ui/questions";

const Toasts = lazy(() => import("./ui/toasts"));
const Confirmation = lazy(() => import("./ui/confirmation"));

export function App() {
  return (
    <>
      <Screen />
      <Announcer />
      <Suspense>
        <Overlays />
      </Suspense>
    </>
  );
}

function Screen() {
  const { status, user } = useAccount();
  const [path] = useLocation();
  const zone = useTimeZone(); // another one shows all times anew
  if (status === "starting") return null;
  if (user) return <Messenger key={`${user.id} ${zone}`} />;
  return path === routes.register ? <Registration /> : <SignIn />;
}

function Overlays() {
  const hasNotices = useObservable(notices).length > 0;
  const isAsking = useObservable(question) !== null;
  return (
    <>
      {hasNotices && <Toasts />}
      {isAsking && <Confirmation />}
    </>
  );
}
