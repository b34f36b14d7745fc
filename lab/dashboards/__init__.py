"""The app's dashboards without Splunk: its dashboard framework in a browser, over computed results.

* ``views``: reads the views as they are shipped
* ``splunkd``: a stand-in for the part of splunkd's REST interface that a dashboard asks
* ``sample``: a made-up fleet, and the results of the scheduled searches over it
* ``web``: the page that shows a view (``page.jsx``), and the validator of definitions (``validate.cjs``)
* ``browser``: opens a view in Chromium and reads its panels; ``screenshots`` takes pictures
"""
