import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './server/src/store/tables/schema.postgres.ts',
  out: './drizzle/postgres',
})
