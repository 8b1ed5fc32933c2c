import { readFile, writeFile } from 'node:fs/promises'

const BEGIN = '<!-- npm run bench -- --write: everything from here is rewritten -->'
const END = '<!-- up to here -->'

/** Puts the tables of a run in place of the ones that stand between the marks. Throws where a mark is missing. */
export async function rewriteTables(path: string, tables: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`${path} lacks the marks of the tables`)
  await writeFile(path, `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`)
}
