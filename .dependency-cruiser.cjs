/**
 * Which way imports run: contract <- platform <- doorbell <- log <- auth <- http <- domain <- rest, gateway, workers, each
 * knowing those before it. Every comment is printed with the violation, so it says why, not only what.
 */
const layers = ['contract', 'platform', 'doorbell', 'log', 'auth', 'http', 'domain']

/**
 * swc parses `using` and `await using`, but the walker that comes with it (and that dependency-cruiser walks with) stops
 * at them: "Unknown statement type". To a search for imports they are variable declarations like any other.
 */
const { Visitor } = require('@swc/core/Visitor.js')
const { visitStatement } = Visitor.prototype
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement)
  this.visitVariableDeclarators(statement.decls)
  return statement
}

/** A layer may import itself and those before it; files directly in src/ (entities.ts) wire things up and are above. */
const layerRules = layers.map((layer, index) => ({
  name: `${layer}-looks-down-only`,
  severity: 'error',
  comment: `src/${layer} may know ${['itself', ...layers.slice(0, index)].join(', ')}${layer === 'domain' ? ' and the provider port' : ''}: a lower layer that knows a higher one cannot be understood, tested or replaced without it.`,
  from: { path: `^src/${layer}/`, pathNot: '\\.test\\.ts$' },
  to: {
    path: '^(src|gateway|workers|client|console|bench|tests)/',
    pathNot: [...layers.slice(0, index + 1), ...(layer === 'domain' ? ['providers'] : [])].map(
      (name) => `^src/${name}/`,
    ),
  },
}))

/** The processes; all-in-one is the one place that starts several. */
const processes = ['src/rest', 'gateway', 'workers', 'src/cli']

const processRules = processes.map((process) => ({
  name: `${process.replace('src/', '')}-is-a-process`,
  severity: 'error',
  comment: `${process} is a process of its own: it talks to the others through the log, the doorbell and the queue. An import would tie their releases and their failures together.`,
  from: { path: `^${process}/` },
  to: { path: processes.filter((other) => other !== process).map((other) => `^${other}/`) },
}))

module.exports = {
  forbidden: [
    ...layerRules,
    ...processRules,
    {
      name: 'nobody-calls-the-command-line',
      severity: 'error',
      comment:
        'src/cli is for people and scripts. What another part needs of it is a use case, and belongs in the domain or the platform.',
      from: { pathNot: ['^src/cli/', '^tests/cli/'] },
      to: { path: '^src/cli/' },
    },
    {
      name: 'contract-is-only-zod',
      severity: 'error',
      comment:
        'src/contract is what strangers, browsers and the generated documents read; the only library it may need is zod.',
      from: { path: '^src/contract/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypesNot: ['local', 'type-only'], pathNot: ['^node_modules/zod/', '^src/'] },
    },
    {
      name: 'providers-translate-only',
      severity: 'error',
      comment:
        'A provider adapter turns their dialect into ours and decides nothing: it knows the contract and the platform, never the domain.',
      from: { path: '^src/providers/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^(src|gateway|workers)/',
        pathNot: ['^src/providers/', '^src/contract/', '^src/platform/'],
      },
    },
    {
      name: 'one-provider-per-folder',
      severity: 'error',
      comment: 'Adapters do not know one another: what two of them need belongs in the port.',
      from: { path: '^src/providers/([^/]+)/' },
      to: { path: '^src/providers/[^/]+/', pathNot: '^src/providers/$1/' },
    },
    {
      name: 'gateway-events-know-no-domain',
      severity: 'error',
      comment:
        'In the gateway only commands.ts calls use cases. Its event path knows tenants, positions and audiences, not what a deal is; otherwise each new noun would touch it.',
      from: {
        path: '^gateway/',
        pathNot: ['^gateway/commands(\\.ts$|/)', '^gateway/main\\.ts$', '\\.test\\.ts$'],
      },
      to: { path: '^src/domain/' },
    },
    {
      name: 'embedded-stands-alone',
      severity: 'error',
      comment:
        'The embedded servers play Postgres, Redis and S3; they must not know who uses them. They share only how a secret is kept in a file.',
      from: { path: '^src/embedded/' },
      to: {
        path: '^(src|gateway|workers)/',
        pathNot: ['^src/embedded/', '^src/platform/kept-secret\\.ts$'],
      },
    },
    {
      name: 'embedded-is-a-convenience',
      severity: 'error',
      comment:
        'In production the servers are given by address. Only the one-command start, the CLI, benches and tests may start embedded ones.',
      from: { path: '^(src|gateway|workers)/', pathNot: ['^src/embedded/', '^src/all-in-one', '^src/cli/'] },
      to: { path: '^src/embedded/' },
    },
    {
      name: 'simulator-is-the-other-side',
      severity: 'error',
      comment:
        'The simulator plays Meta from what Meta documents. Reading our code it would agree with our mistakes; it shares only how bytes are signed and how foreign JSON is read.',
      from: { path: '^src/simulator/' },
      to: {
        path: '^(src|gateway|workers)/',
        pathNot: ['^src/simulator/', '^src/providers/(signature|untrusted)\\.ts$'],
      },
    },
    {
      name: 'demo-is-a-convenience',
      severity: 'error',
      comment: 'The demo is a program of its own on top of everything; nothing may need it.',
      from: { path: '^(src|gateway|workers)/', pathNot: '^src/demo/' },
      to: { path: '^src/demo/' },
    },
    {
      name: 'clients-see-the-contract',
      severity: 'error',
      comment:
        'The console and the client library run elsewhere: of ours they may know src/contract and nothing else.',
      from: { path: '^(console|client)/', pathNot: '\\.test\\.tsx?$' },
      to: { path: '^(src|gateway|workers)/', pathNot: '^src/contract/' },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      comment: 'What only tests need lives in tests/, and what the product needs does not.',
      from: { path: '^(src|gateway|workers|client|console)/', pathNot: '\\.test\\.tsx?$' },
      to: { path: ['^tests/', '^bench/', '\\.test\\.tsx?$'] },
    },
    {
      name: 'product-knows-no-development-packages',
      severity: 'error',
      comment: 'A development dependency is not there in production; the import would fail at the customer.',
      from: { path: '^(src|gateway|workers)/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-optional'] },
    },
    {
      name: 'no-circles',
      severity: 'error',
      comment:
        'Files that import each other in a circle have no order in which they can be read. Split off what both need.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'imports-exist',
      severity: 'error',
      comment: 'The imported file or package is not there, or is not in package.json.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'packages-are-declared',
      severity: 'error',
      comment:
        'The package is here only because another one brought it; add it to package.json, or it leaves one day without notice.',
      from: { path: '^(src|gateway|workers|tests|bench)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    // TypeScript 7 has no compiler API for tools; without another parser nothing would be read, and nothing found.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^console/dist/', '/fixtures/'] },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
}
