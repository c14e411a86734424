<?php
use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up()
    {
        Schema::create('tea', function (Blueprint $table) {
            $table->id();
        });
    }

    public function down()
    {
        Schema::drop('tea');
    }
};
