import { screens } from "./support/screens";

screens("narrow", { width: 320, height: 640 });
