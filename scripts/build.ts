/**
 * Makes one executable file, `dist/berth`, that holds the runtime, the program and its dependencies.
 * The SQLite writer is an entry point of its own, since it runs in a worker.
 */
const home = new URL('..', import.meta.url).pathname
const child = Bun.spawn(
  [
    process.execPath,
    'build',
    '--compile',
    // The worker is looked for beside the program.
    '--entry-naming=[name].[ext]',
    '--compile-exec-argv=--max-http-header-size=65536',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    'src/main.ts',
    'src/store/meta/sqlite-worker.ts',
    '--outfile',
    'dist/berth',
  ],
  { cwd: home, stdout: 'inherit', stderr: 'inherit' },
)
process.exitCode = await child.exited
