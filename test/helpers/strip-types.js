import { stripTypeScriptTypes } from "node:module";

/** Jest's transform: Node's own type stripping, so line numbers stay right. */
export default {
  process: (/** @type {string} */ source) => ({
    code: stripTypeScriptTypes(source),
  }),
};
