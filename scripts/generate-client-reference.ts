/**
 * Writes docs/client-reference.md from the declarations of `@tony/mcp-client` with their
 * docstrings. It needs a build. `--check` compares instead of writing.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const entry = fileURLToPath(new URL('../client/dist/index.d.ts', import.meta.url))
const page = new URL('../docs/client-reference.md', import.meta.url)

const program = ts.createProgram([entry], { module: ts.ModuleKind.NodeNext, skipLibCheck: true })
const checker = program.getTypeChecker()
const source = program.getSourceFile(entry)
const entryModule = source && checker.getSymbolAtLocation(source)
if (!entryModule) throw new Error('client/dist/index.d.ts does not exist: npm run build')

/** Returns the text of a declaration without its private members. */
function textOf(declaration: ts.Declaration): string {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
  return node
    .getFullText()
    .split('\n')
    .filter((line) => !/^\s*(#private;|private )/.test(line))
    .join('\n')
    .replaceAll('export declare ', '')
    .replaceAll(/^export /gm, '')
    .trim()
}

/** True for the types of the server's schemas, which have their own reference. */
const isSchemaType = (declaration: ts.Declaration): boolean =>
  basename(declaration.getSourceFile().fileName) === 'api.d.ts'

const schemaTypeNames: string[] = []
const sections: string[] = []
for (const symbol of checker.getExportsOfModule(entryModule).toSorted((a, b) => a.name.localeCompare(b.name))) {
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const [declaration] = declared.declarations ?? []
  if (!declaration) throw new Error(`${symbol.name} has no declaration`)
  if (isSchemaType(declaration)) schemaTypeNames.push(`\`${symbol.name}\``)
  else sections.push(`## ${symbol.name}\n\n\`\`\`ts\n${textOf(declaration)}\n\`\`\``)
}

const text = `# What the client exports

\`scripts/generate-client-reference.ts\` generates this page from the declarations of the package.
[client.md](client.md) explains their use. [procedures.md](procedures.md) lists the procedures of
\`Api\`. The client also exports the following types, which are generated from the router and the
schemas in \`shared/src\`:

${schemaTypeNames.map((name) => `- ${name}`).join('\n')}

${sections.join('\n\n')}
`

if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== text) {
    process.stderr.write(
      'docs/client-reference.md does not match the client: node scripts/generate-client-reference.ts\n',
    )
    process.exitCode = 1
  }
} else writeFileSync(page, text)
