import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: './server/src/store/tables/schema.sqlite.ts',
  out: './drizzle/sqlite',
})
