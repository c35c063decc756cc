import { DESKTOP } from "./support/browser";
import { screens } from "./support/screens";

screens("desktop", DESKTOP);
