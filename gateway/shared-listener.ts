/**
 * A listener that any number of emitters share; it is given the emitter it was called on. A closure per socket and event
 * weighs 60 to 200 bytes, and an instance holds ten thousand sockets.
 */
export function sharedListener<Emitter, Given extends unknown[]>(
  act: (emitter: Emitter, ...given: Given) => void,
): (this: Emitter, ...given: Given) => void {
  return function (this: Emitter, ...given: Given) {
    act(this, ...given)
  }
}
