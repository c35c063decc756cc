import { PHONE } from "./support/browser";
import { screens } from "./support/screens";

screens("phone", PHONE);
