// Checks definitions of Dashboard Studio: [{name, definition, fields}] on standard input, {name: [problem]} on standard
// output. First Splunk's own validator and schema, from the presets that Splunk Enterprise uses. It lets much
// pass, misspelt options for one; so then a layer of ours that knows nothing but what Splunk's schema lists.
//
// `fields` are the fields of each data source's results; null where they are not known.
const { JSDOM } = require('jsdom');

// The presets are made for a browser. What of it they touch when they load:
const { window: page } = new JSDOM('<!doctype html>', { url: 'http://127.0.0.1/', pretendToBeVisual: true });
Object.getOwnPropertyNames(page)
  .filter((name) => !(name in globalThis))
  .forEach((name) => Object.defineProperty(globalThis, name, { value: page[name], configurable: true, writable: true }));
globalThis.window = globalThis;
globalThis.self = globalThis;
const media = { matches: false, addListener() {}, removeListener() {}, addEventListener() {}, removeEventListener() {} };
Object.assign(globalThis, { matchMedia: () => media, addEventListener() {}, removeEventListener() {}, dispatchEvent: () => true });
URL.createObjectURL ??= () => 'blob:none';
['.css', '.svg', '.png', '.woff', '.woff2'].forEach((ending) => {
  require.extensions[ending] = (module) => {
    module.exports = {};
  };
});
console.log = () => {};
console.warn = () => {};

const preset = require('@splunk/dashboard-presets/EnterprisePreset').default;
const { createSchemaBasedOnPresets } = require('@splunk/dashboard-definition');
const { migrateToTabsLayout } = require('@splunk/dashboard-utils');
const { DashboardValidator } = require('@splunk/dashboard-validation');
const { DslParser } = require('@splunk/visualization-encoding/DslParser');
const { formatterClasses } = require('@splunk/visualization-encoding/FormatterPresets');
const { DataFrame } = require('@splunk/visualization-encoding/DataFrame');
const { DataSeries } = require('@splunk/visualization-encoding/DataSeries');
const { DataPoint } = require('@splunk/visualization-encoding/DataPoint');

const schema = createSchemaBasedOnPresets(preset);
const validator = new DashboardValidator();
const refused = validator.setSchema(schema);
if (refused) {
  throw refused;
}

const methods = [DataFrame, DataSeries, DataPoint].flatMap((kind) => Object.getOwnPropertyNames(kind.prototype));
const functions = new Set([...Object.keys(formatterClasses), ...methods]);
functions.delete('constructor');
// Splunk Enterprise brings these itself.
const handlers = new Set([...Object.keys(preset.eventHandlers), 'drilldown.linkToDashboard', 'drilldown.linkToSearch']);

// The names of the options of each type of visualization, input and data source, as Splunk's schema lists them.
const optionNames = {};
['visualizations', 'inputs', 'dataSources'].forEach((part) => {
  const [branch] = Object.values(schema.properties[part].patternProperties);
  optionNames[part] = {};
  branch.allOf.forEach((rule) => {
    const names = Object.keys(rule.then?.properties?.options?.properties ?? {});
    if (names.length) {
      optionNames[part][rule.if.properties.type.const] = new Set(names);
    }
  });
});
// Options that data sources take although the schema of their types does not list them.
const EVERY_SOURCE = ['extend', 'query', 'queryParameters', 'refresh', 'refreshType'];

const entries = (part) => Object.entries(part ?? {});

const dynamic = (value, place = '') => {
  if (typeof value === 'string') {
    return /^\s*>/.test(value) ? [[place, value.replace(/^\s*>/, '')]] : [];
  }
  return value && typeof value === 'object' ? entries(value).flatMap(([k, v]) => dynamic(v, `${place}/${k}`)) : [];
};

const checkDynamic = (id, part, item, fields, report) => {
  const known = new Set(['themes', ...Object.keys(item.dataSources ?? {}), ...Object.keys(item.context ?? {})]);
  [...Object.keys(item.options ?? {}), ...(optionNames[part][item.type] ?? [])].forEach((name) => known.add(name));
  const results = Object.values(item.dataSources ?? {}).map((source) => fields?.[source]);
  const columns = results.length && results.every(Boolean) ? new Set(results.flat()) : null;
  [...dynamic(item.options, 'options'), ...dynamic(item.context, 'context')].forEach(([place, text]) => {
    const at = `${part}/${id}/${place}`;
    let steps;
    try {
      steps = DslParser.parse(text.trim());
    } catch {
      report(`${at}: cannot be read: ${text}`);
      return;
    }
    const resolve = (name) => known.has(String(name).split('.')[0]) || report(`${at}: unknown name ${name}`);
    const isRenamed = steps.some((step) => step.name === 'renameSeries');
    steps.forEach((step) => {
      if (step.type === 'identifier') {
        resolve(step.v);
        return;
      }
      if (!functions.has(step.name)) {
        report(`${at}: unknown function ${step.name}`);
      }
      (step.args ?? []).forEach((argument) => {
        if (argument.type === 'identifier') {
          resolve(argument.v);
        } else if (columns && !isRenamed && /^(seriesByName|frameBySeriesNames)$/.test(step.name)) {
          if (argument.type === 'string' && !columns.has(argument.v)) {
            report(`${at}: no field ${argument.v}`);
          }
        }
      });
    });
  });
};

const checkParts = (definition, fields, report) => {
  entries(optionNames).forEach(([part, types]) => {
    entries(definition[part]).forEach(([id, item]) => {
      const more = part === 'dataSources' ? EVERY_SOURCE : [];
      Object.keys(item.options ?? {})
        .filter((name) => types[item.type] && !types[item.type].has(name) && !more.includes(name))
        .forEach((name) => report(`${part}/${id}/options: unknown option ${name}`));
      Object.values(item.dataSources ?? {})
        .filter((source) => !definition.dataSources?.[source])
        .forEach((source) => report(`${part}/${id}: no data source ${source}`));
      (item.eventHandlers ?? [])
        .filter(({ type }) => !handlers.has(type))
        .forEach(({ type }) => report(`${part}/${id}: unknown event handler ${type}`));
      if (part !== 'dataSources') {
        checkDynamic(id, part, item, fields, report);
      }
    });
  });
};

const checkSources = (definition, report) => {
  const tokens = new Set(Object.values(definition.inputs ?? {}).map(({ options }) => options?.token));
  const used = (value) => [...JSON.stringify(value ?? '').matchAll(/\$([\w.]+)(?:\|\w)?\$/g)].map((found) => found[1]);
  const sources = entries(definition.dataSources);
  sources.forEach(([id, { type, options }]) => {
    if (!options?.query) {
      report(`dataSources/${id}: no query`);
    }
    if (type === 'ds.chain' && definition.dataSources[options?.extend]?.type !== 'ds.search') {
      report(`dataSources/${id}: extends no search`);
    }
    used(options)
      .filter((token) => !tokens.has(token.split('.')[0]))
      .forEach((token) => report(`dataSources/${id}: token ${token} is set by no input`));
  });
};

const checkLayout = (definition, report) => {
  const { options, structure } = definition.layout ?? {};
  Object.keys(options ?? {})
    .filter((name) => !['width', 'height', 'display', 'gutterSize', 'backgroundColor'].includes(name))
    .forEach((name) => report(`layout/options: unknown option ${name}`));
  (structure ?? []).forEach(({ item, position }) => {
    if (!['x', 'y', 'w', 'h'].every((side) => typeof position?.[side] === 'number')) {
      report(`layout: ${item} has no position`);
    }
  });
};

const check = ({ definition, fields }) => {
  const problems = [];
  const report = (problem) => problems.push(problem);
  // Splunk turns definitions with one layout into the form with tabs before it validates.
  const migrated = migrateToTabsLayout({ definition: structuredClone(definition) }).definition ?? definition;
  (validator.validate(migrated, ['environment', 'trellis']) ?? []).forEach((error) =>
    report(`Splunk: ${error.instancePath} ${error.message} ${error.params?.additionalProperty ?? ''}`)
  );
  Object.keys(definition)
    .filter((key) => !schema.properties[key])
    .forEach((key) => report(`unknown part ${key}`));
  checkParts(definition, fields, report);
  checkSources(definition, report);
  checkLayout(definition, report);
  return problems;
};

const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', () => {
  const answers = JSON.parse(Buffer.concat(chunks)).map((asked) => [asked.name, check(asked)]);
  process.stdout.write(JSON.stringify(Object.fromEntries(answers)), () => process.exit(0));
});
