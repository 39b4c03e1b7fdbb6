import { once } from "node:events";
import { connect } from "node:net";

/** True when something listens on this loopback port. */
export async function acceptsConnection(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
