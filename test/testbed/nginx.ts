import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { freePort } from './port.ts'
import { programPath } from './programs.ts'
import { tempFolder } from './temp.ts'
import { makeCertificate } from './tls.ts'

/** nginx as people put it in front of a registry: it ends TLS and passes everything on. */
export interface TlsProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** A folder with `ca.crt`, to be given to clients. */
  readonly certificates: string
}

/** Starts nginx with TLS in front of a server (`127.0.0.1:PORT`). */
export async function startNginx(upstream: string): Promise<TlsProxy> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await tempFolder())
  const at = (name: string) => join(folder.path, name)
  await mkdir(at('certs'))
  await mkdir(at('tmp'))
  // Clients that are given a folder read every `.key` in it as theirs: the key lies elsewhere.
  const { certificate, key } = await makeCertificate(folder.path)
  await Bun.write(at('certs/ca.crt'), Bun.file(certificate))
  const host = `127.0.0.1:${await freePort()}`
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${at('tmp')}/${kind};`)
    .join(' ')
  await writeFile(
    at('nginx.conf'),
    `user root; worker_processes 1; pid ${at('pid')}; error_log stderr notice; daemon off;
     events { worker_connections 512; }
     http {
       access_log off; ${temp}
       server {
         listen ${host} ssl;
         ssl_certificate ${certificate}; ssl_certificate_key ${key};
         client_max_body_size 0;
         location / {
           proxy_pass http://${upstream};
           proxy_http_version 1.1;
           proxy_request_buffering off; proxy_buffering off; proxy_read_timeout 900;
           proxy_set_header Host $http_host;
           proxy_set_header Connection "";
           proxy_set_header X-Forwarded-For $remote_addr;
           proxy_set_header X-Forwarded-Proto $scheme;
         }
       }
     }`,
  )
  const server = startDaemon(
    [programPath('nginx'), '-p', folder.path, '-c', at('nginx.conf'), '-e', 'stderr'],
    {
      stopSignal: 'SIGTERM',
    },
  )
  stack.use(server)
  await server.waitForLine((line) => line.includes('start worker processes'))
  const owned = stack.move()
  return { host, certificates: at('certs'), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
