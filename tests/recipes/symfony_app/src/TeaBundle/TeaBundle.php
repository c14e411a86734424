<?php
namespace App\TeaBundle;

class TeaBundle extends \Symfony\Component\HttpKernel\Bundle\Bundle
{
}
