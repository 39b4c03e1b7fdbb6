/**
 * Who asks, as the RPC context says it. The token is for the image source only: it is never stored and never logged.
 */
export interface Access {
  readonly projectId: string | null;
  readonly userId: string | null;
  readonly roles: readonly string[];
  readonly isAdmin: boolean;
  readonly requestId: string | null;
  readonly authToken: string | null;
}

/** {@link Access} as it may be journaled: without the token. */
export type StoredAccess = Omit<Access, "authToken">;

/** Drops the token. */
export function storedAccess(access: Access): StoredAccess {
  const { projectId, userId, roles, isAdmin, requestId } = access;
  return { projectId, userId, roles, isAdmin, requestId };
}
