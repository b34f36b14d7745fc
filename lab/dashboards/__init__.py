"""The app's dashboards without a Splunk: Splunk's own framework in a browser, over computed results.

* ``views``: reads the views as they are shipped
* ``splunkd``: a stand-in for the part of splunkd's REST interface that a dashboard asks
* ``sample``: a made-up fleet, and what the scheduled searches make of it
* ``web``: the page that shows a view (``page.jsx``), and what validates a definition (``validate.cjs``)
* ``browser``: opens a view in Chromium and says what is on the screen; ``screenshots`` takes pictures
"""
