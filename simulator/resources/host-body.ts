import type { Chap, HostRecord } from "../model/host-record.ts";
import { plainWwn } from "../model/host-rules.ts";
import type { HostFields } from "../model/hosts.ts";

/** A body of `POST` or `PATCH /hosts`. */
export interface HostBody {
  readonly name?: string;
  readonly host_group?: { readonly name?: string };
  readonly iqns?: readonly string[];
  readonly add_iqns?: readonly string[];
  readonly remove_iqns?: readonly string[];
  readonly nqns?: readonly string[];
  readonly add_nqns?: readonly string[];
  readonly remove_nqns?: readonly string[];
  readonly wwns?: readonly string[];
  readonly add_wwns?: readonly string[];
  readonly remove_wwns?: readonly string[];
  readonly chap?: Partial<Chap>;
  readonly personality?: string;
  readonly preferred_arrays?: readonly { readonly name?: string }[];
  readonly vlan?: string;
}

const noChap: Chap = {
  host_user: null,
  host_password: null,
  target_user: null,
  target_password: null,
};

/** A new host; what is not given is unset. */
export function readNewHost(body: HostBody): HostFields {
  return {
    iqns: distinct(body.iqns ?? []),
    nqns: distinct(body.nqns ?? []),
    wwns: distinct((body.wwns ?? []).map(plainWwn)),
    chap: readChap(noChap, body.chap),
    personality: orNull(body.personality) ?? null,
    preferredArrays: namesOf(body.preferred_arrays),
    vlan: orNull(body.vlan) ?? null,
  };
}

/** What a host becomes: lists replace, `add_` and `remove_` work on what is there, empty texts unset. */
export function readHostChange(
  host: HostRecord,
  body: HostBody,
): HostFields & { readonly name: string } {
  const personality = orNull(body.personality);
  const vlan = orNull(body.vlan);
  return {
    name: body.name ?? host.name,
    iqns: changed(host.iqns, body.iqns, body.add_iqns, body.remove_iqns),
    nqns: changed(host.nqns, body.nqns, body.add_nqns, body.remove_nqns),
    wwns: changed(
      host.wwns,
      body.wwns?.map(plainWwn),
      body.add_wwns?.map(plainWwn),
      body.remove_wwns?.map(plainWwn),
    ),
    chap: readChap(host.chap, body.chap),
    personality: personality === undefined ? host.personality : personality,
    preferredArrays:
      body.preferred_arrays === undefined
        ? host.preferredArrays
        : namesOf(body.preferred_arrays),
    vlan: vlan === undefined ? host.vlan : vlan,
  };
}

function changed(
  now: readonly string[],
  replaced: readonly string[] | undefined,
  added: readonly string[] = [],
  removed: readonly string[] = [],
): readonly string[] {
  const gone = new Set(removed.map((name) => name.toLowerCase()));
  const kept = (replaced ?? now).filter(
    (name) => !gone.has(name.toLowerCase()),
  );
  return distinct([...kept, ...added]);
}

function distinct(names: readonly string[]): readonly string[] {
  const byName = new Map(names.map((name) => [name.toLowerCase(), name]));
  return [...byName.values()];
}

/** Users and passwords; an empty text clears one. */
function readChap(now: Chap, change: Partial<Chap> | undefined): Chap {
  const field = (name: keyof Chap): string | null => {
    const given = change?.[name];
    return given === undefined ? now[name] : (orNull(given ?? "") ?? null);
  };
  return {
    host_user: field("host_user"),
    host_password: field("host_password"),
    target_user: field("target_user"),
    target_password: field("target_password"),
  };
}

function orNull(text: string | undefined): string | null | undefined {
  return text === "" ? null : text;
}

function namesOf(
  references: readonly { readonly name?: string }[] = [],
): readonly string[] {
  return references
    .map(({ name }) => name)
    .filter((name) => name !== undefined);
}
