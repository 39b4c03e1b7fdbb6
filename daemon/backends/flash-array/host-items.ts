import { z } from "zod";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const count = z
  .number()
  .nullish()
  .transform((value) => value ?? null);
const texts = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const reference = z
  .object({ name: text })
  .nullish()
  .transform((value) => value?.name ?? null);

/** What `GET hosts` tells of a host; the CHAP password is never among it. */
export const hostItem = z.object({
  name: z.string(),
  is_local: z
    .boolean()
    .nullish()
    .transform((value) => value ?? true),
  iqns: texts,
  nqns: texts,
  wwns: texts,
  personality: text,
  chap: z
    .object({ host_user: text })
    .nullish()
    .transform((value) => value?.host_user ?? null),
  host_group: reference,
});

/** One host, read. */
export type HostItem = z.infer<typeof hostItem>;

/**
 * A volume at a host. A connection of a host group has one row for each member, or one without a host where it has none.
 * A namespace has no number here that anybody needs: hosts know it by its NGUID.
 */
export const connectionItem = z.object({
  host: reference,
  host_group: reference,
  volume: reference,
  lun: count,
});

/** One connection, read. */
export type ConnectionItem = z.infer<typeof connectionItem>;

/** A controller; only a `ready` one serves its ports. */
export const controllerItem = z.object({ name: z.string(), status: text });

/** A target port, named in upper case, such as `CT0.ETH4`. A port under a bond or a VLAN has no `portal`. */
export const portItem = z.object({
  name: z.string(),
  iqn: text,
  nqn: text,
  wwn: text,
  portal: text,
});

/** One target port, read. */
export type PortItem = z.infer<typeof portItem>;

/** A network interface, named in lower case where it is Ethernet; one without an address serves nobody. */
export const networkInterfaceItem = z.object({
  name: z.string(),
  enabled: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  services: texts,
  eth: z
    .object({ address: text })
    .nullish()
    .transform((value) => value?.address ?? null),
});
