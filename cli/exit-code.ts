/** What `ivc` ends with; scripts rely on these numbers. */
export const exitCode = {
  ok: 0,
  /** The daemon refused or failed the request. */
  refused: 1,
  /** Wrong options or arguments; nothing was sent. */
  usage: 2,
  /** No answer in time; the daemon may still be working. */
  timeout: 3,
  /** The broker cannot be reached, or nobody listens on the topic. */
  unreachable: 4,
  /** The settings are wrong (sysexits' EX_CONFIG). */
  configuration: 78,
  interrupted: 130,
} as const;

/** One of {@link exitCode}. */
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
