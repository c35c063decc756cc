/** Everything about the user and this device. */

import { useAccount } from "@chatapp/client/react";
import {
  ArrowRightStartOnRectangleIcon,
  ChevronRightIcon,
  DevicePhoneMobileIcon,
  EyeSlashIcon,
  KeyIcon,
  PaintBrushIcon,
  UserCircleIcon,
} from "@heroicons/react/24/outline";
import type { ComponentType } from "react";
import { Link } from "wouter";
import { routes, type SettingsSection } from "../lib/routes";
import { Avatar } from "../ui/avatar";
import { Button, type Icon } from "../ui/button";
import { Name } from "../ui/name";
import { PanelHeader } from "../ui/panel";
import { Appearance } from "./appearance";
import { Devices } from "./devices";
import { Password } from "./password";
import { Privacy } from "./privacy";
import { Profile } from "./profile";
import css from "./settings.module.css";
import { useSignOut } from "./sign-out";

interface Section {
  readonly title: string;
  readonly hint: string;
  readonly icon: Icon;
  readonly content: ComponentType;
}

const SECTIONS: Record<SettingsSection, Section> = {
  profile: { title: "Profile", hint: "Name, e-mail, picture", icon: UserCircleIcon, content: Profile },
  privacy: { title: "Privacy", hint: "Last seen, read receipts", icon: EyeSlashIcon, content: Privacy },
  appearance: { title: "Appearance", hint: "Theme, notifications", icon: PaintBrushIcon, content: Appearance },
  devices: { title: "Devices", hint: "Where you are logged in", icon: DevicePhoneMobileIcon, content: Devices },
  password: { title: "Password", hint: "Change it", icon: KeyIcon, content: Password },
};

interface SettingsPanelProps {
  section?: SettingsSection;
  /** The section that is shown beside it, where there is room. */
  current?: SettingsSection;
}

export default function SettingsPanel({ section, current }: SettingsPanelProps) {
  if (!section) return <Overview current={current} />;
  const { title, content: Content } = SECTIONS[section];
  return (
    <div className={css.panel}>
      <PanelHeader title={title} back={routes.settings} />
      <div className={css.body}>
        <Content />
      </div>
    </div>
  );
}

/** One section, with a desktop's room. */
export function SettingsPage({ section }: { section: SettingsSection }) {
  const { title, hint, content: Content } = SECTIONS[section];
  return (
    <section className={css.page} aria-label={title}>
      <header>
        <h2 className={css.title}>{title}</h2>
        <p className={css.hint}>{hint}</p>
      </header>
      <div className={css.card}>
        <Content />
      </div>
    </section>
  );
}

function Overview({ current }: { current?: SettingsSection }) {
  const { user } = useAccount();
  const signOut = useSignOut();
  return (
    <div className={css.panel}>
      <PanelHeader title="Settings" back={routes.home} />
      <div className={css.body}>
        {user && (
          <Link className={css.me} href={routes.section("profile")} state={{ isOurs: true }}>
            <Avatar id={user.id} name={user.name} src={user.avatar} size={64} />
            <span className={css.words}>
              <span className={css.name} dir="auto">
                <Name of={user.name} />
              </span>
              <span className={css.hint}>{user.email}</span>
            </span>
          </Link>
        )}
        <nav aria-label="Settings">
          <ul>
            {Object.entries(SECTIONS).map(([name, { title, hint, icon: Picture }]) => (
              <li key={name}>
                <Link
                  className={css.link}
                  href={routes.section(name as SettingsSection)}
                  state={{ isOurs: true }}
                  aria-current={name === current ? "page" : undefined}
                >
                  <Picture width={24} aria-hidden="true" />
                  <span className={css.words}>
                    <span>{title}</span>
                    <span className={css.hint}>{hint}</span>
                  </span>
                  <ChevronRightIcon width={18} aria-hidden="true" />
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <Button variant="danger" icon={ArrowRightStartOnRectangleIcon} wide onClick={signOut}>
          Log out
        </Button>
      </div>
    </div>
  );
}
