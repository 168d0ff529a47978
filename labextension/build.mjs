// Builds the front end into dcai/shells/_built: the review widget (one ES module and its style sheet, for
// anywidget) and the JupyterLab plugin (a prebuilt extension). `--dev` adds source maps and skips minifying.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, '..', 'dcai', 'shells', '_built');
const dev = process.argv.includes('--dev');
const require = createRequire(join(here, 'package.json'));

const common = {
  absWorkingDir: here,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning'
};

async function buildReview() {
  const entry = join('src', 'review', 'index.ts');
  if (!existsSync(join(here, entry))) {
    console.log('No review widget to build: src/review/index.ts is not there.');
    return;
  }
  // The style sheet that the entry imports comes out beside it, as review.css.
  await build({
    ...common,
    entryPoints: { review: entry },
    outdir: built,
    minify: !dev,
    sourcemap: dev ? 'inline' : false,
    platform: 'browser'
  });
  if (!existsSync(join(built, 'review.css'))) {
    throw new Error('src/review/index.ts must import the style sheet of the widget.');
  }
}

async function buildPlugin() {
  // Only transpiled and joined here: JupyterLab shares its own packages with every extension at run time,
  // so none of them is bundled or even installed for a build.
  await build({
    ...common,
    entryPoints: [join('src', 'index.ts')],
    outfile: join('lib', 'index.js'),
    packages: 'external',
    jsx: 'transform',
    sourcemap: dev
  });
  rmSync(join(built, 'labextension'), { recursive: true, force: true });
  const builder = join(dirname(require.resolve('@jupyter/builder/package.json')), 'lib', 'build-labextension.js');
  const core = join(dirname(require.resolve('@jupyterlab/core-meta/package.json')), 'core.package.json');
  const options = [...(dev ? ['--development'] : []), '--core-package-file', core, here];
  const result = spawnSync(process.execPath, [builder, ...options], { cwd: here, stdio: 'inherit' });
  if (result.status !== 0) {
    throw new Error('The JupyterLab plugin could not be built; see the lines above.');
  }
}

mkdirSync(built, { recursive: true });
await buildReview();
await buildPlugin();
