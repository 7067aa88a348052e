import type { AddressRules } from "../accounts/address.ts";
import type { LifecycleDeps } from "../lifecycle/deps.ts";

export interface MachinesDeps extends LifecycleDeps {
  /** registering a machine requires its host key */
  requireHostKey: boolean;
  /** where a machine may live */
  addressRules: AddressRules;
}
