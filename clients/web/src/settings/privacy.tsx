import { useChat, useObservable } from "@chatapp/client/react";
import { Skeleton } from "../ui/skeleton";
import { SwitchRow } from "../ui/switch-row";

export function Privacy() {
  const { privacy } = useChat().accounts;
  const settings = useObservable(privacy);
  if (!settings) return <Skeleton label="Loading your settings" />;
  return (
    <>
      <SwitchRow
        label="Show when I am online and was last seen"
        hint="Off: others do not see it of you, and you do not see it of others."
        isOn={!settings.hideLastSeen}
        onChange={(isOn) => privacy.update({ hideLastSeen: !isOn })}
      />
      <SwitchRow
        label="Show what I have read"
        hint="Off: others do not see it of you, and you do not see it of others."
        isOn={!settings.hideReadReceipts}
        onChange={(isOn) => privacy.update({ hideReadReceipts: !isOn })}
      />
    </>
  );
}
