import type { AddressRules } from "../accounts/address.ts";
import type { LifecycleDeps } from "../lifecycle/deps.ts";

export interface MachinesDeps extends LifecycleDeps {
  /** a machine is registered only with its host key given */
  requireHostKey: boolean;
  /** where a machine may live */
  addressRules: AddressRules;
}
