declare const brand: unique symbol;

/** A `Base` that only its parser can make: holding one is proof that it was checked. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
