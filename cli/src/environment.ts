/** Returns a variable of the environment. An empty one is like an absent one. */
export const variable = (name: string): string | undefined => process.env[name]?.trim() || undefined
