import { readFileSync } from 'node:fs'

/** The text of a file that was named on the command line. Throws with a sentence. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    throw new Error(code === 'ENOENT' ? `there is no file ${path}` : `cannot read ${path}: ${message}`)
  }
}
