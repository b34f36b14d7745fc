// Shows one view of the app as Splunk does: the view's own definition in Splunk's framework. The address is
// Splunk's too: /en-US/app/tsidenrich/<view>?form.<token>=<value>; beyond that, theme=dark or theme=light.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { SplunkThemeProvider } from '@splunk/themes';
import { DashboardCore } from '@splunk/dashboard-core';
import { DashboardContextProvider, GeoJsonProvider, GeoRegistry } from '@splunk/dashboard-context';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';

const VIEWS = { setup: 'Set-up and self-check', overview: 'Licensing overview', device: 'Device', health: 'TSID and lookup health' };

// The parameters of the address, and what shows the view.
let query;
let root;

// What the checks look at, and how they leave a view and open another one in the same page: to load the page
// takes several times as long as to show a view.
const lab = {};
window.lab = lab;

const address = (view, tokens = {}) => {
  const theme = query.get('theme');
  const parts = Object.entries(tokens).map(([token, value]) => [`form.${token}`, value]);
  const search = new URLSearchParams([...parts, ...(theme ? [['theme', theme]] : [])]).toString();
  return `/en-US/app/tsidenrich/${view}${search ? `?${search}` : ''}`;
};

// The handler that Splunk Enterprise has for links from one dashboard to another; the framework lacks it.
class LinkToDashboard {
  constructor(options = {}) {
    this.options = options;
  }

  canHandle(event) {
    return /click$/.test(event?.type ?? '');
  }

  async handle(event) {
    const payload = event.payload ?? {};
    const tokens = (this.options.tokens ?? []).map(({ token, value }) => [token, payload[value] ?? '']);
    window.location.assign(address(this.options.dashboard, Object.fromEntries(tokens)));
    return [];
  }
}

const preset = {
  ...EnterpriseViewOnlyPreset,
  eventHandlers: { ...EnterpriseViewOnlyPreset.eventHandlers, 'drilldown.linkToDashboard': LinkToDashboard },
};

// Splunk takes inputs' values from the address; those of a time range are two.
const withTokens = (definition) => {
  Object.values(definition.inputs ?? {}).forEach(({ type, options }) => {
    const given = (end = '') => query.get(`form.${options.token}${end}`);
    if (type === 'input.timerange' && given('.earliest') !== null) {
      options.defaultValue = `${given('.earliest')},${given('.latest') ?? 'now'}`;
    } else if (given() !== null) {
      options.defaultValue = given();
      delete options.selectFirstSearchResult;
    }
  });
  return definition;
};

const header = (theme, definition) => {
  document.body.className = theme;
  document.title = definition.title;
  const links = Object.entries(VIEWS).map(([view, title]) => [address(view), title]);
  const other = theme === 'dark' ? 'light' : 'dark';
  const here = new URLSearchParams(query);
  here.set('theme', other);
  links.push([`?${here}`, `${other[0].toUpperCase()}${other.slice(1)} theme`]);
  const nav = document.createElement('nav');
  links.forEach(([href, title]) => {
    nav.append(Object.assign(document.createElement('a'), { href, textContent: title }));
  });
  const parts = [['h1', definition.title], ['p', definition.description]];
  const made = parts.map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent }));
  document.querySelector('header').replaceChildren(nav, ...made);
};

const show = async () => {
  query = new URLSearchParams(window.location.search);
  Object.assign(lab, { tokens: {}, invalid: [], api: null });
  const view = await (await fetch(`/view/${window.location.pathname.split('/').pop()}`)).json();
  const theme = query.get('theme') ?? view.theme;
  const definition = withTokens(view.definition);
  header(theme, definition);
  const geoRegistry = GeoRegistry.create();
  geoRegistry.addDefaultProvider(new GeoJsonProvider());
  root = createRoot(document.querySelector('main'));
  root.render(
    <SplunkThemeProvider family="enterprise" colorScheme={theme} density="comfortable">
      <DashboardContextProvider
        preset={preset}
        initialDefinition={definition}
        initialMode="view"
        geoRegistry={geoRegistry}
        featureFlags={{}}
        timezone={{ ianaTimezone: 'UTC' }}
        onTokenBindingChange={(tokens) => {
          lab.tokens = tokens;
        }}
      >
        <DashboardCore
          width="100%"
          height="auto"
          onValidationError={(error) => lab.invalid.push(error)}
          dashboardCoreApiRef={(api) => {
            lab.api = api;
          }}
        />
      </DashboardContextProvider>
    </SplunkThemeProvider>
  );
};

lab.leave = () => {
  root?.unmount();
  root = null;
  lab.api = null;
};

lab.open = (url) => {
  window.history.pushState(null, '', url);
  window.scrollTo(0, 0);
  return show();
};

show().catch((error) => console.error(error));
