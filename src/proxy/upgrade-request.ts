/** Which requests leave HTTP. node:http would give away the socket of each one that has an Upgrade field. */
import { IncomingMessage } from 'node:http';
import { type HeadLimits, leavesHttp } from './framing.ts';

/** A request of node:http, which keeps its socket unless the connection leaves HTTP. */
export interface Request extends IncomingMessage {
  /** It asks for an upgrade that we do not know: an ordinary request (RFC 9110 §7.8), but the last of its connection. */
  readonly ignoresUpgrade?: boolean;
}

/**
 * Where there is an 'upgrade' listener, node:http gives away the socket of every request with an Upgrade field, with the
 * body still in it. Java's client asks for h2c with every request, forms and uploads as well. But the parser asks the
 * message itself, when its head is there, and so the message can decide. (Node 24 has an option for that, Node 20 has not.)
 */
export function requestClass(limits: () => HeadLimits): typeof IncomingMessage {
  return class extends IncomingMessage implements Request {
    // Declared only: node:http sets `upgrade` within its constructor, before fields of ours would be there.
    declare asksUpgrade: boolean;
    declare ignoresUpgrade?: boolean;

    get upgrade(): boolean {
      if (!this.asksUpgrade) return false;
      this.asksUpgrade = this.#leavesHttp();
      if (!this.asksUpgrade) this.ignoresUpgrade = true;
      return this.asksUpgrade;
    }

    #leavesHttp(): boolean {
      const { method, httpVersionMinor: versionMinor, rawHeaders: fields } = this;
      try {
        return leavesHttp({ method: method ?? '', versionMinor, fields }, limits());
      } catch {
        // A bug, in the midst of the parser: whoever serves the request reads the same head, and answers for it.
        return false;
      }
    }

    set upgrade(asks: boolean | null) {
      this.asksUpgrade = asks === true;
    }
  };
}
