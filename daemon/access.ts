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

/** {@link Access} as it may be journaled: without the token, but with the fact that there was one. */
export interface StoredAccess extends Omit<Access, "authToken"> {
  readonly hadToken: boolean;
}

/** Drops the token. */
export function storedAccess(access: Access): StoredAccess {
  const { projectId, userId, roles, isAdmin, requestId } = access;
  const hadToken = access.authToken !== null;
  return { projectId, userId, roles, isAdmin, requestId, hadToken };
}

/** The access of a journaled request whose token is gone: what a job that was taken over goes on with. */
export function accessWithoutToken(stored: StoredAccess): Access {
  const { projectId, userId, roles, isAdmin, requestId } = stored;
  return { projectId, userId, roles, isAdmin, requestId, authToken: null };
}
