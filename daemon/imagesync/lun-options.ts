import type { IscsiTarget } from "../backends/volume-backend.ts";

/** qemu's object for a secret that it reads from its descriptor 3. */
export const secretObject = "secret,id=s0,file=/dev/fd/3";

/** qemu's name for a LUN behind one portal; refers to {@link secretObject} where the target has a secret. */
export function lunOptions(target: IscsiTarget, portal: string): string {
  const { iqn, lun, initiatorName, chap } = target;
  const options: readonly (readonly [string, string])[] = [
    ["driver", "raw"],
    ["file.driver", "iscsi"],
    ["file.transport", "tcp"],
    ["file.portal", portal],
    ["file.target", iqn],
    ["file.lun", String(lun)],
    ["file.initiator-name", initiatorName],
    ...(chap === null
      ? []
      : ([
          ["file.user", chap.user],
          ["file.password-secret", "s0"],
        ] as const)),
  ];
  return options
    .map(([name, value]) => `${name}=${value.replaceAll(",", ",,")}`)
    .join(",");
}
