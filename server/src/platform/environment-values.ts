import { z } from 'zod'

export const port = z.coerce.number().int().min(0).max(65_535)

/** `sqlite://FILE`, or the address of a PostgreSQL database. */
export const databaseUrl = z
  .string()
  .regex(/^(sqlite:(\/\/)?.|postgres(ql)?:\/\/.)/, 'must be sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE')

export const isPostgresUrl = (url: string): boolean => /^postgres(ql)?:/.test(url)

/** Parses values separated by commas. */
export const commaList = (of: z.ZodType<string, string>) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(of))

/** Parses a maximum number of rows to keep; 0 means no limit. The minimum protects rows in use. */
export const rowLimit = (minimum: number, fallback = 0) =>
  z.coerce
    .number()
    .int()
    .refine((most) => most === 0 || most >= minimum, `must be 0 or at least ${minimum}`)
    .default(fallback)
