/** The one chat of this page, with the server that the page comes from. */
import { createChat, indexedDBStorage } from "@chatapp/client";
import { deviceName } from "./lib/device";

export const chat = createChat({
  url: window.location.origin,
  storage: indexedDBStorage(),
  deviceName: deviceName(),
  client: "web",
  timing: { receiptBatch: 300 }, // somebody sits there and looks at the ticks
});
