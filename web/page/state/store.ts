/** A small observable state: one object, changed by {@link Store.set}, told to those who listen to some of its keys. */
export class Store<S extends object> {
  private readonly listeners = new Set<{ keys: ReadonlySet<keyof S>; tell: (state: Readonly<S>) => void }>();

  constructor(private state: S) {}

  /** The present state; it is replaced, never altered. */
  get(): Readonly<S> {
    return this.state;
  }

  /** Change some keys. Listeners are told once, after all of them have their new values, and only of true changes. */
  set(change: Partial<S>): void {
    const changed = (Object.keys(change) as (keyof S)[]).filter((key) => !Object.is(this.state[key], change[key]));
    if (!changed.length) return;
    this.state = { ...this.state, ...change };
    for (const { keys, tell } of [...this.listeners]) if (changed.some((key) => keys.has(key))) tell(this.state);
  }

  /** Tell `listener` the state now, and whenever one of `keys` changes. Returns a function that ends it. */
  on(keys: readonly (keyof S)[], listener: (state: Readonly<S>) => void): () => void {
    const entry = { keys: new Set(keys), tell: listener };
    this.listeners.add(entry);
    listener(this.state);
    return () => this.listeners.delete(entry);
  }
}
