import { screens } from "./support/screens";

screens("tablet", { width: 768, height: 1024 });
