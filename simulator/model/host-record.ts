/** Accounts of a host and of the array towards it. */
export interface Chap {
  readonly host_user: string | null;
  readonly host_password: string | null;
  readonly target_user: string | null;
  readonly target_password: string | null;
}

/** A host; `id` is the model's own, arrays have none. */
export interface HostRecord {
  readonly id: string;
  name: string;
  iqns: readonly string[];
  nqns: readonly string[];
  /** Upper case, without colons. */
  wwns: readonly string[];
  chap: Chap;
  personality: string | null;
  preferredArrays: readonly string[];
  vlan: string | null;
  groupId: string | null;
}

/** A host group; `id` is the model's own, arrays have none. */
export interface HostGroupRecord {
  readonly id: string;
  name: string;
}

/** A volume for one host (private) or for all hosts of a group (shared). */
export interface ConnectionRecord {
  readonly volumeId: string;
  readonly owner:
    | { readonly kind: "host"; readonly hostId: string }
    | { readonly kind: "group"; readonly groupId: string };
  /** LUN, or namespace id of an NVMe host. */
  readonly number: number;
}
