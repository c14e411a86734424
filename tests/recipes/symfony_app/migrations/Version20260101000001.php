<?php
return ['up' => 'CREATE TABLE tea (id INTEGER)', 'down' => 'DROP TABLE tea'];
