/**
 * Sessions of the demo shop, as an application of the year 2000 kept them: one cookie, and a table in memory.
 *
 * The shop knows no session but this one: without the cookie each request is a new visitor. That is the point of it.
 */
import { randomBytes } from 'node:crypto';

/** More visitors than this at once and the oldest is forgotten: a demo must not grow without end. */
const MAX_VISITS = 10_000;
const MAX_CART_LINES = 50;

/** The name of the shop's session cookie. */
export const VISIT_COOKIE = 'SHOPID';

export interface Visit {
  readonly id: string;
  /** Pages seen in this visit, this one included. */
  pages: number;
  /** The name that the visitor logged in with, null for a guest. */
  user: string | null;
  /** Product number → pieces. */
  readonly cart: Map<number, number>;
  /** The delivery address between the two steps of the checkout. */
  address: string | null;
}

/** A bounded table of visits. */
export class VisitTable {
  readonly #visits = new Map<string, Visit>();

  /** The visit that a `Cookie` field names, null when it names none that we know. */
  find(cookieField: string | undefined): Visit | null {
    for (const pair of (cookieField ?? '').split(';')) {
      const [name, value] = pair.trim().split('=', 2);
      if (name === VISIT_COOKIE && value !== undefined) return this.#visits.get(value) ?? null;
    }
    return null;
  }

  /** A new visit of a guest. */
  start(): Visit {
    if (this.#visits.size >= MAX_VISITS) {
      const oldest = this.#visits.keys().next().value;
      if (oldest !== undefined) this.#visits.delete(oldest);
    }
    const visit: Visit = { id: randomBytes(16).toString('hex'), pages: 0, user: null, cart: new Map(), address: null };
    this.#visits.set(visit.id, visit);
    return visit;
  }

  /** The same visit under a new ID, as an application changes it at a login; the old ID is dead. */
  renew(visit: Visit): Visit {
    this.#visits.delete(visit.id);
    const renewed: Visit = { ...visit, id: randomBytes(16).toString('hex') };
    this.#visits.set(renewed.id, renewed);
    return renewed;
  }

  end(visit: Visit): void {
    this.#visits.delete(visit.id);
  }
}

/** Put `pieces` more of a product into the cart, at most 99 of one and 50 kinds; a negative number takes out. */
export function addToCart(visit: Visit, productId: number, pieces: number): void {
  const sum = Math.min(99, (visit.cart.get(productId) ?? 0) + pieces);
  if (sum <= 0) visit.cart.delete(productId);
  else if (visit.cart.has(productId) || visit.cart.size < MAX_CART_LINES) visit.cart.set(productId, sum);
}
