import type { ArrayModel } from "../model/array-model.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import { list, pagedListing } from "./parameters.ts";
import { pickFixed } from "./pick-fixed.ts";

/** `controllers`: two, both ready. `mode_since` is in answers before it is in the vendor's OpenAPI file. */
export function controllerEndpoints(model: ArrayModel): readonly Endpoint[] {
  const modeSinceMs = model.now();
  const item = (name: string, mode: string): Item => ({
    name,
    mode,
    mode_since: modeSinceMs,
    model: "FA-X70R3",
    status: "ready",
    type: "array_controller",
    version: model.settings.purityVersion,
  });
  return [
    {
      method: "GET",
      path: "controllers",
      since: "2.2",
      query: { names: list },
      listing: pagedListing,
      handle: ({ query }) => ({
        items: pickFixed(
          [item("CT0", "primary"), item("CT1", "secondary")],
          query,
          "Controller",
        ),
      }),
    },
  ];
}
